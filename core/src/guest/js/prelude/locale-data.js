// How languages and countries write dates and numbers: what workerd shows for them. The fields are described in
// locales.js; one that is empty is as in the language that the part before the hyphen names, or in British English.

export const LOCALES = {
  __proto__: null,
  "en-GB":
    "dd/MM/y;dd/MM;MM/y;E, dd/MM/y;d L y;dd/MM/y;d;y|d L y;d L;L y;E, d L y;E d L|=|hh:mm:ss;h:mm:ss a;hh;h a|, ; 'at' ;, " +
    "|January,February,March,April,May,June,July,August,September,October,November,December" +
    "|Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sept,Oct,Nov,Dec|=|=|Sunday,Monday,Tuesday,Wednesday,Thursday,Friday,Saturday" +
    "|Sun,Mon,Tue,Wed,Thu,Fri,Sat|am,pm|.;,;;-;0%;€0|USD=US$,JPY=JP¥",
  "en-CA":
    "y-MM-dd;MM-dd;y-MM;E, y-MM-dd;L d, y;y-MM-dd;d;y|L d, y;L d;L y;E, L d, y;E, L d||||" +
    "|Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec|||||a.m.,p.m.|.;,;h;-;0%;€0|USD=US$,JPY=JP¥,CAD=$",
  "en-AU":
    "dd/MM/y;d/M;MM/y;E, dd/MM/y;d L y;d/M/yy;d;y|d L y;d L;L y;E d L y;E d L|d L y;d L;L y;E, d L y;E, d L|||" +
    "|Jan,Feb,Mar,Apr,May,June,July,Aug,Sept,Oct,Nov,Dec||Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sept,Oct,Nov,Dec||||.;,;h;-;0%;€0" +
    "|USD=USD,EUR=EUR,GBP=GBP,JPY=JPY,CAD=CAD,AUD=$,NZD=NZD,INR=INR,BRL=BRL,MXN=MXN,CNY=CNY,KRW=KRW,VND=VND,TWD=TWD",
  "en-NZ":
    "d/MM/y;d/M;MM/y;E, dd/MM/y;d L y;dd/MM/y;d;y|d L y;d L;L y;E, d L y;E, d L|||||||||||.;,;h;-;0%;€0|USD=US$,JPY=JP¥,NZD=$",
  "en-IE":
    "d/M/y;d/M;MM/y;E, d/M/y;d L y;dd/MM/y;d;y|d L y;d L;L y;E d L y;E, d L||||||||||a.m.,p.m.||",
  "en-IN":
    "d/M/y;dd/MM;MM/y;E, d/M/y;d L y;dd/MM/yy;d;y|d L y;d L;L y;E, d L y;E, d L|d L y;d L;L y;E, d L, y;E, d L|||||||||" +
    "|.;,;lh;-;0%;€0|JPY=JP¥",
  "en-ZA":
    "y/MM/dd;MM/dd;MM/y;E, y/MM/dd;dd L y;y/MM/dd;d;y|d L y;d L;L y;E, d L y;E, dd L|dd L y;dd L;L y;E, dd L y;E, dd L|||||||||" +
    "|,;\u00a0;;-;0%;€0|USD=US$,JPY=JP¥,ZAR=R",
  de:
    "d.M.y;d.M.;M/y;E, d.M.y;dd.MM.y;dd.MM.yy;d;y|d. L y;d. L;L y;E, d. L y;E, d. L|=|hh:mm:ss;h:mm:ss a;hh 'Uhr';h a|, ; 'um' ;, " +
    "|Januar,Februar,März,April,Mai,Juni,Juli,August,September,Oktober,November,Dezember" +
    "|Jan.,Feb.,März,Apr.,Mai,Juni,Juli,Aug.,Sept.,Okt.,Nov.,Dez.|=|Jan,Feb,Mär,Apr,Mai,Jun,Jul,Aug,Sep,Okt,Nov,Dez" +
    "|Sonntag,Montag,Dienstag,Mittwoch,Donnerstag,Freitag,Samstag|So.,Mo.,Di.,Mi.,Do.,Fr.,Sa.|AM,PM|,;.;f;-;0\u00a0%;0\u00a0€|AUD=AU$",
  "de-AT":
    "|||||Jänner,Februar,März,April,Mai,Juni,Juli,August,September,Oktober,November,Dezember" +
    "|Jän.,Feb.,März,Apr.,Mai,Juni,Juli,Aug.,Sep.,Okt.,Nov.,Dez.||Jän,Feb,Mär,Apr,Mai,Jun,Jul,Aug,Sep,Okt,Nov,Dez|||" +
    "|,;\u00a0;;-;0\u00a0%;€\u00a00|",
  "de-CH":
    "||||||||||||.;';i;-;0%;€\u00a00|EUR=EUR,AUD=AU$",
  fr:
    "dd/MM/y;dd/MM;MM/y;E dd/MM/y;d L y;dd/MM/y;d;y|d L y;d L;L y;E d L y;E d L|=|hh:mm:ss;h:mm:ss a;hh 'h';h a| ; à ;, " +
    "|janvier,février,mars,avril,mai,juin,juillet,août,septembre,octobre,novembre,décembre" +
    "|janv.,févr.,mars,avr.,mai,juin,juil.,août,sept.,oct.,nov.,déc.|=|=|dimanche,lundi,mardi,mercredi,jeudi,vendredi,samedi" +
    "|dim.,lun.,mar.,mer.,jeu.,ven.,sam.|AM,PM|,;\u202f;;-;0\u00a0%;0\u00a0€" +
    "|USD=$US,GBP=£GB,JPY=JPY,CAD=$CA,AUD=$AU,NZD=$NZ,MXN=$MX,CNY=CNY,TWD=TWD,ARS=$AR",
  "fr-CA":
    "y-MM-dd;MM-dd;y-MM;E y-MM-dd;d L y;y-MM-dd;d;y|||hh 'h' mm 'min' ss 's';h 'h' mm 'min' ss 's' a;hh 'h';h 'h' a||" +
    "|janv.,févr.,mars,avr.,mai,juin,juill.,août,sept.,oct.,nov.,déc.|||||a.m.,p.m.|,;\u00a0;;-;0\u00a0%;0\u00a0€" +
    "|USD=$\u00a0US,CAD=$,AUD=$\u00a0AU,NZD=$\u00a0NZ,INR=INR,MXN=MXN,KRW=KRW,VND=VND,TWD=TWD",
  "fr-CH":
    "dd.MM.y;dd.MM.;MM.y;E, dd.MM.y;d L y;dd.MM.yy;d;y|d L y;d L;L y;E, d L y;E d L|d L y;d L;L y;E d L y;E d L|||||||||" +
    "|,;\u202f;;-;0%;0\u00a0€|",
  es:
    "d/M/y;d/M;M/y;E, d/M/y;d L y;d/M/yy;d;y|d 'de' L 'de' y;d 'de' L;L 'de' y;E, d 'de' L 'de' y;E, d 'de' L" +
    "|d L y;d L;L y;E, d L y;E, d L|h:mm:ss;h:mm:ss a;h;h a|, ; 'a' 'las' ;, " +
    "|enero,febrero,marzo,abril,mayo,junio,julio,agosto,septiembre,octubre,noviembre,diciembre" +
    "|ene,feb,mar,abr,may,jun,jul,ago,sept,oct,nov,dic|=|=|domingo,lunes,martes,miércoles,jueves,viernes,sábado" +
    "|dom,lun,mar,mié,jue,vie,sáb|a. m.,p. m.|,;.;m;-;0\u00a0%;0\u00a0€" +
    "|USD=US$,GBP=GBP,JPY=JPY,CAD=CAD,AUD=AUD,NZD=NZD,INR=INR,BRL=BRL,MXN=MXN,CNY=CNY,KRW=KRW,TWD=TWD",
  "es-MX":
    "d/M/y;d/M;M/y;E, d/M/y;d L y;dd/MM/yy;d;y||d L y;d L;L y;E, d 'de' L 'de' y;E d 'de' L|hh:mm:ss;h:mm:ss a;hh;h a||" +
    "|ene,feb,mar,abr,may,jun,jul,ago,sep,oct,nov,dic|||||a.m.,p.m.|.;,;h;-;0%;€\u00a00" +
    "|USD=USD,EUR=EUR,GBP=GBP,JPY=JPY,CAD=CAD,AUD=AUD,NZD=NZD,INR=INR,BRL=BRL,MXN=$,CNY=CNY,KRW=KRW,VND=VND,TWD=TWD",
  it:
    "dd/MM/y;dd/MM;MM/y;E dd/MM/y;d L y;dd/MM/yy;d;y|d L y;d L;L y;E d L y;E d L|=|hh:mm:ss;h:mm:ss a;h;h a|, ; 'alle' 'ore' ;, " +
    "|gennaio,febbraio,marzo,aprile,maggio,giugno,luglio,agosto,settembre,ottobre,novembre,dicembre" +
    "|gen,feb,mar,apr,mag,giu,lug,ago,set,ott,nov,dic|=|=|domenica,lunedì,martedì,mercoledì,giovedì,venerdì,sabato" +
    "|dom,lun,mar,mer,gio,ven,sab|AM,PM|,;.;m;-;0%;0\u00a0€|USD=USD,JPY=JPY,INR=INR,BRL=BRL,MXN=MXN,KRW=KRW,VND=VND,TWD=TWD",
  pt:
    "dd/MM/y;dd/MM;MM/y;E, dd/MM/y;d 'de' L 'de' y;dd/MM/y;d;y|d 'de' L 'de' y;d 'de' L;L 'de' y;E, d 'de' L 'de' y;E, d 'de' L|=" +
    "|hh:mm:ss;h:mm:ss a;hh;h a|, ; à's' ;, " +
    "|janeiro,fevereiro,março,abril,maio,junho,julho,agosto,setembro,outubro,novembro,dezembro" +
    "|jan.,fev.,mar.,abr.,mai.,jun.,jul.,ago.,set.,out.,nov.,dez.|=|=" +
    "|domingo,segunda-feira,terça-feira,quarta-feira,quinta-feira,sexta-feira,sábado|dom.,seg.,ter.,qua.,qui.,sex.,sáb.|AM,PM" +
    "|,;.;;-;0%;€\u00a00|USD=US$,JPY=JP¥,AUD=AU$",
  "pt-PT":
    "dd/MM/y;dd/MM;MM/y;E, dd/MM/y;dd/MM/y;dd/MM/yy;d;y||d/MM/y;d/MM;MM/y;E, d/MM/y;E, d/MM||||01,02,03,04,05,06,07,08,09,10,11,12" +
    "||jan.,fev.,mar.,abr.,mai.,jun.,jul.,ago.,set.,out.,nov.,dez.||domingo,segunda,terça,quarta,quinta,sexta,sábado|a.m.,p.m." +
    "|,;\u00a0;m;-;0%;0\u00a0€|",
  nl:
    "d-M-y;d-M;M-y;E d-M-y;d L y;dd-MM-y;d;y|d L y;d L;L y;E d L y;E d L|=|hh:mm:ss;h:mm:ss a;hh;h a|, ; 'om' ;, " +
    "|januari,februari,maart,april,mei,juni,juli,augustus,september,oktober,november,december" +
    "|jan,feb,mrt,apr,mei,jun,jul,aug,sep,okt,nov,dec|=|=|zondag,maandag,dinsdag,woensdag,donderdag,vrijdag,zaterdag" +
    "|zo,ma,di,wo,do,vr,za|a.m.,p.m.|,;.;i;-;0%;€\u00a00|USD=US$,JPY=JP¥,CAD=C$,AUD=AU$",
  sv:
    "y-MM-dd;d/M;y-MM;E, y-MM-dd;d L y;y-MM-dd;d;y|d L y;d L;L y;E d L y;E d L|=|hh:mm:ss;h:mm:ss a;hh;h a| ; 'kl'. ; " +
    "|januari,februari,mars,april,maj,juni,juli,augusti,september,oktober,november,december" +
    "|jan.,feb.,mars,apr.,maj,juni,juli,aug.,sep.,okt.,nov.,dec.|=|=|söndag,måndag,tisdag,onsdag,torsdag,fredag,lördag" +
    "|sön,mån,tis,ons,tors,fre,lör|fm,em|,;\u00a0;;\u2212;0\u00a0%;0\u00a0€" +
    "|USD=US$,GBP=GBP,JPY=JPY,AUD=AUD,NZD=NZD,INR=INR,BRL=BR$,CNY=CNY,KRW=KRW,SEK=kr,NOK=Nkr,DKK=Dkr,VND=VND,TWD=TWD",
  da:
    "d.M.y;d.M;M.y;E d.M.y;d. L y;dd.MM.y;d.;y|d. L y;d. L;L y;E 'den' d. L y;E d. L|d. L y;d. L;L y;E d. L y;E d. L" +
    "|hh.mm.ss;h.mm.ss a;hh;h a|, ; 'kl'. ;, |januar,februar,marts,april,maj,juni,juli,august,september,oktober,november,december" +
    "|jan.,feb.,mar.,apr.,maj,jun.,jul.,aug.,sep.,okt.,nov.,dec.|=|=|søndag,mandag,tirsdag,onsdag,torsdag,fredag,lørdag" +
    "|søn.,man.,tirs.,ons.,tors.,fre.,lør.|AM,PM|,;.;;-;0\u00a0%;0\u00a0€|USD=US$,JPY=JP¥,AUD=AU$,DKK=kr.",
  nb:
    "d.M.y;d.M.;M.y;E d.M.y;d. L y;dd.MM.y;d.;y|d. L y;d. L;L y;E d. L y;E d. L|=|hh:mm:ss;h:mm:ss a;hh;h a|, ; 'kl'. ;, " +
    "|januar,februar,mars,april,mai,juni,juli,august,september,oktober,november,desember" +
    "|jan.,feb.,mars,apr.,mai,juni,juli,aug.,sep.,okt.,nov.,des.|=|jan,feb,mar,apr,mai,jun,jul,aug,sep,okt,nov,des" +
    "|søndag,mandag,tirsdag,onsdag,torsdag,fredag,lørdag|søn.,man.,tir.,ons.,tor.,fre.,lør.|a.m.,p.m.|,;\u00a0;;\u2212;0\u00a0%;0\u00a0€" +
    "|USD=USD,JPY=JPY,CAD=CAD,AUD=AUD,NZD=NZD,INR=INR,BRL=BRL,MXN=MXN,CNY=CNY,KRW=KRW,NOK=kr,VND=VND,TWD=TWD",
  fi:
    "d.M.y;d.M.;M.y;E d.M.y;d.M.y;d.M.y;d;y|d. L y;d. L;L y;E d. L y;E d. L|d.M.y;d.M.;L y;E d.M.y;E d.M.|h.mm.ss;h.mm.ss a;h;h a" +
    "| 'klo' ; 'klo' ; 'klo' " +
    "|tammikuuta,helmikuuta,maaliskuuta,huhtikuuta,toukokuuta,kesäkuuta,heinäkuuta,elokuuta,syyskuuta,lokakuuta,marraskuuta,joulukuuta" +
    "|1,2,3,4,5,6,7,8,9,10,11,12" +
    "|tammikuu,helmikuu,maaliskuu,huhtikuu,toukokuu,kesäkuu,heinäkuu,elokuu,syyskuu,lokakuu,marraskuu,joulukuu" +
    "|tammi,helmi,maalis,huhti,touko,kesä,heinä,elo,syys,loka,marras,joulu" +
    "|sunnuntaina,maanantaina,tiistaina,keskiviikkona,torstaina,perjantaina,lauantaina|su,ma,ti,ke,to,pe,la|ap.,ip.|,;\u00a0;;\u2212;0\u00a0%;0\u00a0€" +
    "|CAD=CAD,AUD=AUD,NZD=NZD,INR=INR,BRL=BRL,MXN=MXN,CNY=CNY,KRW=KRW,VND=VND,TWD=TWD",
  pl:
    "d.MM.y;d.MM;MM.y;E, d.MM.y;d L y;d.MM.y;d;y|d L y;d L;L y;E, d L y;E, d L|=|hh:mm:ss;h:mm:ss a;hh;h a|, ; ;, " +
    "|stycznia,lutego,marca,kwietnia,maja,czerwca,lipca,sierpnia,września,października,listopada,grudnia" +
    "|sty,lut,mar,kwi,maj,cze,lip,sie,wrz,paź,lis,gru" +
    "|styczeń,luty,marzec,kwiecień,maj,czerwiec,lipiec,sierpień,wrzesień,październik,listopad,grudzień|=" +
    "|niedziela,poniedziałek,wtorek,środa,czwartek,piątek,sobota|niedz.,pon.,wt.,śr.,czw.,pt.,sob.|AM,PM|,;\u00a0;m;-;0%;0\u00a0€" +
    "|USD=USD,GBP=GBP,JPY=JPY,CAD=CAD,AUD=AUD,NZD=NZD,INR=INR,MXN=MXN,CNY=CNY,KRW=KRW,PLN=zł,VND=VND,TWD=TWD",
  cs:
    "d. M. y;d. M.;M/y;E d. M. y;d. M. y;dd.MM.yy;d.;y|d. L y;d. L;L y;E d. L y;E d. L|d. M. y;d. M.;L y;E d. M. y;E d. M." +
    "|h:mm:ss;h:mm:ss a;h;h a| ; 'v' ; |ledna,února,března,dubna,května,června,července,srpna,září,října,listopadu,prosince" +
    "|1,2,3,4,5,6,7,8,9,10,11,12|leden,únor,březen,duben,květen,červen,červenec,srpen,září,říjen,listopad,prosinec" +
    "|led,úno,bře,dub,kvě,čvn,čvc,srp,zář,říj,lis,pro|neděle,pondělí,úterý,středa,čtvrtek,pátek,sobota|ne,po,út,st,čt,pá,so" +
    "|dop.,odp.|,;\u00a0;;-;0\u00a0%;0\u00a0€|USD=US$,JPY=JP¥,AUD=AU$,INR=INR,CZK=Kč,VND=VND",
  tr:
    "dd.MM.y;d/M;MM/y;d.M.y E;d L y;d.MM.y;d;y|d L y;d L;L y;d L y E;d L E|=|hh:mm:ss;a h:mm:ss;hh;a h| ; ; " +
    "|Ocak,Şubat,Mart,Nisan,Mayıs,Haziran,Temmuz,Ağustos,Eylül,Ekim,Kasım,Aralık|Oca,Şub,Mar,Nis,May,Haz,Tem,Ağu,Eyl,Eki,Kas,Ara|=" +
    "|=|Pazar,Pazartesi,Salı,Çarşamba,Perşembe,Cuma,Cumartesi|Paz,Pzt,Sal,Çar,Per,Cum,Cmt|ÖÖ,ÖS|,;.;;-;%0;€0|AUD=AU$,TRY=₺",
  ru:
    "dd.MM.y;dd.MM;MM.y;E, dd.MM.y;d L y г.;dd.MM.y;d;y|d L y г.;d L;L y г.;E, d L y г.;E, d L|=|hh:mm:ss;h:mm:ss a;h;h a" +
    "|, ; в ;, |января,февраля,марта,апреля,мая,июня,июля,августа,сентября,октября,ноября,декабря" +
    "|янв.,февр.,мар.,апр.,мая,июн.,июл.,авг.,сент.,окт.,нояб.,дек." +
    "|январь,февраль,март,апрель,май,июнь,июль,август,сентябрь,октябрь,ноябрь,декабрь" +
    "|янв.,февр.,март,апр.,май,июнь,июль,авг.,сент.,окт.,нояб.,дек.|воскресенье,понедельник,вторник,среда,четверг,пятница,суббота" +
    "|вс,пн,вт,ср,чт,пт,сб|AM,PM|,;\u00a0;;-;0\u00a0%;0\u00a0€|RUB=₽,UAH=грн.",
  uk:
    "dd.MM.y;dd.MM;MM.y;E, dd.MM.y;d L y р.;dd.MM.yy;d;y|d L y р.;d L;L y р.;E, d L y р.;E, d L|=|hh:mm:ss;h:mm:ss a;h;h a" +
    "|, ; о ;, |січня,лютого,березня,квітня,травня,червня,липня,серпня,вересня,жовтня,листопада,грудня" +
    "|січ.,лют.,бер.,квіт.,трав.,черв.,лип.,серп.,вер.,жовт.,лист.,груд." +
    "|січень,лютий,березень,квітень,травень,червень,липень,серпень,вересень,жовтень,листопад,грудень|=" +
    "|неділя,понеділок,вівторок,середа,четвер,пʼятниця,субота|нд,пн,вт,ср,чт,пт,сб|дп,пп|,;\u00a0;;-;0%;0\u00a0€" +
    "|USD=USD,EUR=EUR,GBP=GBP,CAD=CAD,AUD=AUD,NZD=NZD,INR=INR,BRL=BRL,MXN=MXN,CNY=CNY,KRW=KRW,UAH=грн,VND=VND,TWD=TWD",
  ja:
    "y/M/d;M/d;y/M;y/M/d(E);y/MM/dd;y/MM/dd;d日;y年|y年M月d日;M月d日;y年M月;y年M月d日E;M月d日E|y年M月d日;M月d日;y年M月;y年M月d日(E);M月d日(E)" +
    "|h:mm:ss;ah:mm:ss;h時;ah時| ; ; |1,2,3,4,5,6,7,8,9,10,11,12|1,2,3,4,5,6,7,8,9,10,11,12|1月,2月,3月,4月,5月,6月,7月,8月,9月,10月,11月,12月" +
    "|1月,2月,3月,4月,5月,6月,7月,8月,9月,10月,11月,12月|日曜日,月曜日,火曜日,水曜日,木曜日,金曜日,土曜日|日,月,火,水,木,金,土|午前,午後|.;,;;-;0%;€0|JPY=￥,CNY=元",
  zh:
    "y/M/d;M/d;y/M;y/M/dE;y年M月d日;y/M/d;d日;y年|y年M月d日;M月d日;y年M月;y年M月d日E;M月d日E|=|hh:mm:ss;ah:mm:ss;h时;ah时| ; ; " +
    "|1,2,3,4,5,6,7,8,9,10,11,12|1,2,3,4,5,6,7,8,9,10,11,12|一月,二月,三月,四月,五月,六月,七月,八月,九月,十月,十一月,十二月" +
    "|1月,2月,3月,4月,5月,6月,7月,8月,9月,10月,11月,12月|星期日,星期一,星期二,星期三,星期四,星期五,星期六|周日,周一,周二,周三,周四,周五,周六|上午,下午|.;,;;-;0%;€0" +
    "|USD=US$,JPY=JP¥,AUD=AU$,CNY=¥",
  ko:
    "y. M. d.;M. d.;y. M.;y. M. d. (E);y. M. d.;yy. M. d.;d일;y년|y년 L d일;L d일;y년 L;y년 L d일 E;L d일 E" +
    "|y년 L d일;L d일;y년 L;y년 L d일 (E);L d일 (E)|h시 mm분 ss초;a h:mm:ss;h시;a h시| ; ; |1월,2월,3월,4월,5월,6월,7월,8월,9월,10월,11월,12월" +
    "|1월,2월,3월,4월,5월,6월,7월,8월,9월,10월,11월,12월|=|=|일요일,월요일,화요일,수요일,목요일,금요일,토요일|일,월,화,수,목,금,토|오전,오후|.;,;h;-;0%;€0" +
    "|USD=US$,JPY=JP¥,AUD=AU$",
};
